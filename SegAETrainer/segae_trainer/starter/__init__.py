"""The model that ships with SegAE: trained from the few scans with masks that anybody can have."""
