"""What the rules for one component share: made once, since most of it costs seconds."""
