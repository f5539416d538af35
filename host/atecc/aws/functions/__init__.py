"""Functions that run at AWS (Lambda), each from its one file, with boto3 and nothing of this package."""
