"""The resources of the chip that commands and rules work on."""

from dataclasses import dataclass, field

from simchip.config import Config
from simchip.eeprom import Eeprom, Image
from simchip.faults import Faults
from simchip.quirks import Quirks
from simchip.rng import RandomSource
from simchip.sram import Latches, Sram


@dataclass
class Core:
    eeprom: Eeprom
    rng: RandomSource
    quirks: Quirks = field(default_factory=Quirks)
    faults: Faults = field(default_factory=Faults)
    sram: Sram = field(default_factory=Sram)
    latches: Latches = field(default_factory=Latches)

    @property
    def image(self) -> Image:
        return self.eeprom.image

    @property
    def config(self) -> Config:
        return Config(self.image.config)

    @property
    def serial_frame(self) -> bytes:
        """SN8 || SN0..1: what the digests of the chip include of its serial number."""
        serial = self.config.serial
        return serial[8:9] + serial[0:2]
