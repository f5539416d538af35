"""The chips, as far as somebody who writes their flash can tell: registers from their technical reference manuals."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """`chip_id` as in an image's header; `magic` is what stands at 0x40001000 where the ROM can't tell its chip ID.

    `spi` is the flash's SPI controller, with the offsets of its registers USR2 and W0. The eFuses: registers and masks
    for secure boot and flash encryption, and the registers of the MAC address's lower and upper half.
    """

    name: str
    banner: str
    download: str
    run: str
    chip_id: int
    magic: int | None
    bootloader: int
    spi: int
    usr2: int
    w0: int
    secure_boot: tuple[int, int]
    encryption: tuple[int, int]
    mac: tuple[int, int]


MODELS = {
    "esp32": Model(
        name="esp32",
        banner="ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:{}\r\n",
        download="0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))",
        run="0x13 (SPI_FAST_FLASH_BOOT)",
        chip_id=0,
        magic=0x00F01D83,
        bootloader=0x1000,
        spi=0x3FF42000,
        usr2=0x24,
        w0=0x80,
        secure_boot=(0x3FF5A018, 1 << 4),
        encryption=(0x3FF5A000, 1 << 20),
        mac=(0x3FF5A004, 0x3FF5A008),
    ),
    "esp32c3": Model(
        name="esp32c3",
        banner="ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\nrst:0x1 (POWERON),boot:{}\r\n",
        download="0x4 (DOWNLOAD(USB/UART0/1))",
        run="0xc (SPI_FAST_FLASH_BOOT)",
        chip_id=5,
        magic=None,
        bootloader=0,
        spi=0x60002000,
        usr2=0x20,
        w0=0x58,
        secure_boot=(0x60008838, 1 << 20),
        encryption=(0x60008834, 1 << 18),
        mac=(0x60008844, 0x60008848),
    ),
    "esp32c6": Model(
        name="esp32c6",
        banner="ESP-ROM:esp32c6-20220919\r\nBuild:Sep 19 2022\r\nrst:0x1 (POWERON),boot:{}\r\n",
        download="0x4 (DOWNLOAD(USB/UART0/SDIO_FEI_FEO))",
        run="0xc (SPI_FAST_FLASH_BOOT)",
        chip_id=13,
        magic=None,
        bootloader=0,
        spi=0x60003000,
        usr2=0x20,
        w0=0x58,
        secure_boot=(0x600B0838, 1 << 20),
        encryption=(0x600B0834, 1 << 18),
        mac=(0x600B0844, 0x600B0848),
    ),
}
