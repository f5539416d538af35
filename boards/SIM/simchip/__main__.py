from simchip.cli import main

main()
