package chat

// MaxFiles bounds the files of one message or note.
const MaxFiles = 10

// File is a file of a message or note, as its body keeps it.
type File struct {
	ID   FileID `json:"id,string"`
	Name string `json:"name"` // one line, no path
	// Type is the content type that the bytes have, whatever the name says.
	Type string `json:"type"`
	Size int64  `json:"size"` // bytes
	// Width and Height, in pixels as it is shown, are those of a picture that may
	// be shown inline; 0 for everything else.
	Width  int `json:"width,omitzero"`
	Height int `json:"height,omitzero"`
}
