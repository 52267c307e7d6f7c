"""A small shop: one page of goods, a basket total, a health probe, JSON logs."""
