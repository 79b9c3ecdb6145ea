"""How our own SBOMs say which file of the subject a component is; who writes them and who reads them both need it."""

PATH_PROPERTY = "arcops:path"
