"""Names -> components: the plugin contract, discovery and the catalogue."""
