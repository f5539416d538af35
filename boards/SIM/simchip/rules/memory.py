"""Rules of Read and Write: the decision tables of DS508 §2.4, §9.14, §9.21."""

from simchip.config import SlotConfig
from simchip.core import Core
from simchip.quirks import Quirks
from simchip.rules.keys import INVALIDATED, VALIDATED
from simchip.rules.switch import rule
from simchip.sram import RANDOM, TempKey
from simchip.status import ChipError, ExecutionError

BLOCK = 32
ALWAYS, PUB_INVALID, ENCRYPT = 0, 1, 4  # SlotConfig bits 15-12


def _writes_encrypted(config: SlotConfig) -> bool:
    return bool(config.write_config & ENCRYPT)


@rule
def private_slot_is_never_read(core: Core, slot: int) -> None:
    """Nothing reads a private key."""
    if core.config.key(slot).private:
        raise ExecutionError("a private key slot")


@rule
def secret_is_not_read_in_clear(config: SlotConfig) -> None:
    """IsSecret without EncryptRead: no reads at all."""
    if config.is_secret and not config.encrypt_read:
        raise ExecutionError("a secret slot")


@rule
def forbidden_read_code_reads_nothing(config: SlotConfig) -> None:
    """EncryptRead without IsSecret is a code the data sheet forbids."""
    if config.encrypt_read and not config.is_secret:
        raise ExecutionError("a forbidden slot configuration")


@rule
def encrypted_access_is_32_bytes(size: int) -> None:
    """Encryption works on whole blocks."""
    if size != BLOCK:
        raise ExecutionError("encrypted access is by 32 bytes")


@rule
def temp_key_must_come_from_gendig(temp_key: TempKey, key: int) -> None:
    """Encrypted access needs GenDig with the slot's read or write key, and no other."""
    if not temp_key.gen_dig_data or temp_key.key_id != key:
        raise ExecutionError("TempKey is not GenDig's of the right key")


@rule
def encrypted_read_needs_random_nonce(temp_key: TempKey) -> None:
    """A nonce from outside would let an old session be replayed."""
    if temp_key.source != RANDOM:
        raise ExecutionError("TempKey must come from a random nonce")


@rule
def only_slots_are_written_encrypted(encrypted: bool) -> None:
    """Config and OTP are written in the clear."""
    if encrypted:
        raise ExecutionError("only the data zone is written encrypted")


@rule
def fixed_config_bytes_are_refused(quirks: Quirks) -> None:
    """Bytes 0-15 are the factory's, 84-87 those of UpdateExtra and Lock."""
    raise ChipError(quirks.bad_address, "the config bytes are never writable")


@rule
def otp_is_written_by_32_bytes(size: int) -> None:
    """The 608 refuses words in OTP."""
    if size != BLOCK:
        raise ExecutionError("OTP is written by 32 bytes")


@rule
def private_slot_is_never_written(core: Core, slot: int) -> None:
    """Write does not reach private key slots; GenKey and PrivWrite do."""
    if core.config.key(slot).private:
        raise ExecutionError("a private key slot")


@rule
def open_data_zone_is_written_by_32_bytes(size: int) -> None:
    """Before the data lock, words are refused."""
    if size != BLOCK:
        raise ExecutionError("before the data lock slots are written by 32 bytes")


@rule
def never_means_never(config: SlotConfig) -> None:
    """WriteConfig 001x and 10xx: not by Write, after the data lock."""
    if not _writes_encrypted(config) and config.write_config not in (ALWAYS, PUB_INVALID):
        raise ExecutionError("the slot is never written")


@rule
def encrypt_means_encrypted(config: SlotConfig, encrypted: bool) -> None:
    """WriteConfig x1xx: encrypted with a MAC, after the data lock."""
    if _writes_encrypted(config) and not encrypted:
        raise ExecutionError("the slot is written encrypted only")


@rule
def clear_means_clear(config: SlotConfig, encrypted: bool) -> None:
    """A slot without a write key is not written encrypted, after the data lock."""
    if encrypted and not _writes_encrypted(config):
        raise ExecutionError("the slot is written in the clear")


@rule
def validated_key_is_not_overwritten(core: Core, slot: int) -> None:
    """WriteConfig 0001 (PubInvalid): a validated public key must be invalidated first."""
    config = core.config.slot(slot)
    if config.write_config == PUB_INVALID and core.image.slots[slot][0] >> 4 == VALIDATED:
        raise ExecutionError("the slot holds a validated key")


@rule
def secret_is_written_by_32_bytes(config: SlotConfig, size: int) -> None:
    """A word of a secret slot cannot be replaced alone: its old value could be guessed."""
    if size != BLOCK and (config.is_secret or _writes_encrypted(config)):
        raise ExecutionError("a secret slot is written by 32 bytes")


@rule
def mac_must_match(given: bytes, computed: bytes) -> None:
    """An encrypted value is stored only with the right MAC."""
    if given != computed:
        raise ExecutionError("the MAC is wrong")


@rule
def writing_invalidates_a_public_key(core: Core, slot: int) -> None:
    """A validatable public key that has been written must be validated again."""
    key, area = core.config.key(slot), core.image.slots[slot]
    if key.public_p256 and key.pub_info and len(area) > BLOCK + 4:
        core.eeprom.write(area, 0, bytes([area[0] & 0x0F | INVALIDATED << 4]))
