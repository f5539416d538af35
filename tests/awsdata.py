"""AWS's descriptions of its services are megabytes of JSON, which each client of boto3 would read anew. Here a process
reads them once: imported by whatever makes many."""

import functools

from botocore import loaders

loaders.create_loader = functools.cache(loaders.create_loader)
