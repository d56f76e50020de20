"""Ways in which a mask can be wrong. Every function is pure: boolean (H, W) in, boolean (H, W) out,
pixels as units; what is random comes from a numpy Generator that the caller passes."""
