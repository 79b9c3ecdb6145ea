"""The property by which our own SBOMs name a component's file; the writer and the reader of SBOMs both need it."""

PATH_PROPERTY = "arcops:path"
