"""Who the device is: requests, certificates, two identities, and the TLS context whose key is a chip slot."""
