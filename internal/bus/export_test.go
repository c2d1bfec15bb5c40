package bus

// MeshPassword is what nodes of a mesh show one another.
var MeshPassword = meshPassword
