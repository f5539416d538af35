"""Names, keys, requests and certificates; nothing here knows of a device."""
