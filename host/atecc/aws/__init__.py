"""AWS IoT: what is asked of the cloud, what it answers, and a device's certificate and thing there."""
