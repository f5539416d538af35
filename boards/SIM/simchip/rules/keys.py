"""Rules of key slots: what SlotConfig and KeyConfig allow (DS508 §2.2, behaviour of the 608 where seen)."""

from simchip.config import KEY_AES, KEY_P256
from simchip.core import Core
from simchip.rules.switch import rule
from simchip.status import ExecutionError

WRITE_CONFIG_GENKEY = 2  # bit 13 of SlotConfig
WRITE_CONFIG_PRIVWRITE = 4  # bit 14
PUBLIC_KEY_SIZE = 72
VALIDATED, INVALIDATED = 5, 10  # upper nibble of a public key slot's first byte


@rule
def slot_must_be_private(core: Core, slot: int) -> None:
    """KeyConfig.Private says that the slot holds an ECC private key."""
    if not core.config.key(slot).private:
        raise ExecutionError("not a private key slot")


@rule
def slot_must_be_p256(core: Core, slot: int) -> None:
    """KeyType 4 is P-256; nothing else is a curve of this chip."""
    if core.config.key(slot).key_type != KEY_P256:
        raise ExecutionError("not a P-256 slot")


@rule
def private_key_must_be_secret(core: Core, slot: int) -> None:
    """A private key slot without IsSecret is unusable."""
    if not core.config.slot(slot).is_secret:
        raise ExecutionError("a private key slot must be secret")


def slot_must_hold_private_key(core: Core, slot: int) -> None:
    slot_must_be_private(core, slot)
    slot_must_be_p256(core, slot)
    private_key_must_be_secret(core, slot)


@rule
def genkey_needs_write_config(core: Core, slot: int) -> None:
    """After the data lock, GenKey makes keys only where SlotConfig bit 13 lets it."""
    if core.config.data_locked and not core.config.slot(slot).write_config & WRITE_CONFIG_GENKEY:
        raise ExecutionError("GenKey may not write this slot")


@rule
def public_key_needs_pub_info(core: Core, slot: int) -> None:
    """After the data lock, the public key of a slot is told only if KeyConfig.PubInfo is set."""
    if core.config.data_locked and not core.config.key(slot).pub_info:
        raise ExecutionError("the slot does not tell its public key")


@rule
def key_must_be_valid(valid: bool) -> None:
    """An empty or torn key slot is no key."""
    if not valid:
        raise ExecutionError("the slot holds no valid key")


@rule
def external_sign_needs_its_bit(core: Core, slot: int) -> None:
    """SlotConfig bit 0 allows signatures of messages from outside."""
    enforced = core.config.data_locked or core.quirks.key_use_before_data_lock
    if enforced and not core.config.slot(slot).external_sign:
        raise ExecutionError("the slot does not sign external messages")


@rule
def internal_sign_needs_its_bit(core: Core, slot: int) -> None:
    """SlotConfig bit 1 allows signatures of the chip's own states."""
    if not core.config.slot(slot).internal_sign:
        raise ExecutionError("the slot does not sign internal messages")


@rule
def internal_sign_needs_gendig_or_genkey(core: Core) -> None:
    """An internal signature is over what GenDig or GenKey left in TempKey."""
    temp_key = core.sram.temp_key
    if not (temp_key.gen_dig_data or temp_key.gen_key_data):
        raise ExecutionError("TempKey comes neither from GenDig nor from GenKey")


@rule
def slot_must_hold_public_key(core: Core, slot: int) -> None:
    """A public key is P-256, not private, and needs a slot of 72 bytes."""
    if not core.config.key(slot).public_p256 or len(core.image.slots[slot]) < PUBLIC_KEY_SIZE:
        raise ExecutionError("not a public key slot")


def is_validated(core: Core, slot: int) -> bool:
    """A public key with PubInfo carries the mark of a successful Verify(Validate)."""
    key = core.config.key(slot)
    return key.public_p256 and key.pub_info and core.image.slots[slot][0] >> 4 == VALIDATED


@rule
def public_key_must_be_validated(core: Core, slot: int) -> None:
    """With PubInfo set, a public key is good for nothing until Verify has validated it."""
    if core.config.key(slot).pub_info and not is_validated(core, slot):
        raise ExecutionError("the public key is not validated")


@rule
def slot_must_not_be_private(core: Core, slot: int) -> None:
    """No command but those of ECC touches the content of a private key slot."""
    if core.config.key(slot).private:
        raise ExecutionError("a private key slot")


@rule
def stored_verify_needs_temp_key_if_random(core: Core, slot: int, from_buffer: bool) -> None:
    """With ReqRandom the message must be in TempKey, where the random nonce is."""
    if core.config.key(slot).req_random and from_buffer:
        raise ExecutionError("the message must be in TempKey")


@rule
def slot_must_be_validatable(core: Core, slot: int) -> None:
    """Verify's validation works on public keys with PubInfo."""
    slot_must_hold_public_key(core, slot)
    if not core.config.key(slot).pub_info:
        raise ExecutionError("the slot's key needs no validation")


@rule
def validation_needs_the_keys_digest(core: Core, slot: int) -> None:
    """TempKey must be GenKey's digest of the very key that is to be validated."""
    temp_key = core.sram.temp_key
    if not temp_key.gen_key_data or temp_key.key_id != slot:
        raise ExecutionError("TempKey is not the digest of this key")


@rule
def validation_must_say_which(bit: int, invalidate: bool) -> None:
    """The signed message itself says whether it validates or invalidates."""
    if bit != invalidate:
        raise ExecutionError("the message is for the other operation")


@rule
def key_must_allow_mac(core: Core, slot: int) -> None:
    """SlotConfig.NoMac keeps a key from MAC and HMAC."""
    if core.config.slot(slot).no_mac:
        raise ExecutionError("the key may not be used for a MAC")


@rule
def transport_keys_are_unknown(key_id: int) -> None:
    """GenDig's key ids from 0x8000 are secrets of the maker, which no simulation has."""
    if key_id & 0x8000:
        raise ExecutionError("a transport key")


@rule
def no_mac_key_needs_other_data(given: int) -> None:
    """GenDig with a NoMac key takes its parameters from outside."""
    if not given:
        raise ExecutionError("four bytes are missing")


@rule
def derive_key_needs_write_config(core: Core, slot: int) -> None:
    """DeriveKey writes only where SlotConfig bit 13 lets it."""
    if not core.config.slot(slot).write_config & WRITE_CONFIG_GENKEY:
        raise ExecutionError("DeriveKey may not write this slot")


@rule
def derive_mac_must_match(given: bytes, computed: bytes) -> None:
    """With SlotConfig bit 15, DeriveKey is authorised by a MAC of the parent key."""
    if given != computed:
        raise ExecutionError("the MAC is wrong")


@rule
def locked_private_key_is_written_encrypted(encrypted: bool) -> None:
    """After the data lock a private key arrives encrypted or not at all."""
    if not encrypted:
        raise ExecutionError("PrivWrite must be encrypted")


@rule
def priv_write_needs_write_config(core: Core, slot: int) -> None:
    """After the data lock, PrivWrite works only where SlotConfig bit 14 lets it."""
    if not core.config.slot(slot).write_config & WRITE_CONFIG_PRIVWRITE:
        raise ExecutionError("PrivWrite may not write this slot")


@rule
def temp_key_must_hold_a_private_key(held: bool) -> None:
    """ECDH from TempKey needs the key that GenKey put there."""
    if not held:
        raise ExecutionError("TempKey holds no private key")


@rule
def ecdh_needs_its_bit(core: Core, slot: int) -> None:
    """SlotConfig bit 2 allows ECDH."""
    enforced = core.config.data_locked or core.quirks.key_use_before_data_lock
    if enforced and not core.config.slot(slot).ecdh:
        raise ExecutionError("the slot does no ECDH")


@rule
def ecdh_result_for_a_slot_stays_inside(to_next_slot: bool) -> None:
    """SlotConfig bit 3: the result goes to the next slot, not to the host."""
    if to_next_slot:
        raise ExecutionError("the result goes to the next slot")


@rule
def aes_must_be_enabled(core: Core) -> None:
    """AES_Enable is the factory's switch."""
    if not core.config.aes_enabled:
        raise ExecutionError("AES is disabled")


@rule
def kdf_aes_must_be_enabled(core: Core) -> None:
    """ChipOptions bit 2 allows AES in KDF."""
    if not core.config.kdf_aes_enabled:
        raise ExecutionError("AES is disabled in KDF")


@rule
def slot_must_hold_aes_key(core: Core, slot: int) -> None:
    """The AES command works with slots of KeyType 6 only."""
    if core.config.key(slot).key_type != KEY_AES:
        raise ExecutionError("not an AES key slot")


@rule
def slot_must_have_room(core: Core, slot: int, size: int) -> None:
    """A value goes into a slot whole."""
    if len(core.image.slots[slot]) < size:
        raise ExecutionError("the slot is too small")


@rule
def message_must_hold_iv(message: bytes, offset: int, iv: bytes) -> None:
    """HKDF's special IV function: the message must carry KdfIvStr at KdfIvLoc."""
    if message[offset : offset + len(iv)] != iv:
        raise ExecutionError("the message does not carry the IV")
