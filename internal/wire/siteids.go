package wire

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/kefu-chat/kefu/internal/chat"
)

// SiteIDs are ids of sites: strings in JSON like every other id, because a
// JavaScript number does not hold them.
type SiteIDs []chat.SiteID

// MarshalJSONTo writes the ids as an array of strings.
func (ids SiteIDs) MarshalJSONTo(out *jsontext.Encoder) error { return writeIDs(out, ids) }

// UnmarshalJSONFrom reads an array of strings.
func (ids *SiteIDs) UnmarshalJSONFrom(in *jsontext.Decoder) (err error) {
	*ids, err = readIDs[chat.SiteID](in)
	return err
}

// FileIDs are ids of files, written likewise.
type FileIDs []chat.FileID

// MarshalJSONTo writes the ids as an array of strings.
func (ids FileIDs) MarshalJSONTo(out *jsontext.Encoder) error { return writeIDs(out, ids) }

// UnmarshalJSONFrom reads an array of strings.
func (ids *FileIDs) UnmarshalJSONFrom(in *jsontext.Decoder) (err error) {
	*ids, err = readIDs[chat.FileID](in)
	return err
}

func writeIDs[T ~int64](out *jsontext.Encoder, ids []T) error {
	if err := out.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for _, id := range ids {
		if err := out.WriteToken(jsontext.String(strconv.FormatInt(int64(id), 10))); err != nil {
			return err
		}
	}
	return out.WriteToken(jsontext.EndArray)
}

func readIDs[T ~int64](in *jsontext.Decoder) ([]T, error) {
	var texts []string
	if err := json.UnmarshalDecode(in, &texts); err != nil {
		return nil, err
	}
	ids := make([]T, len(texts))
	for i, text := range texts {
		id, err := chat.ParseID(text)
		if err != nil {
			return nil, err
		}
		ids[i] = T(id)
	}
	return ids, nil
}
