from simboard.cli import main

main()
