"""The registry as a mirror of others: what it lacks is fetched once, kept, and served when they are gone."""
