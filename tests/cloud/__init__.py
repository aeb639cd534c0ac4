"""A stand-in for Google Cloud on this machine, for tests that drive the real gcloud and Google's own clients."""
