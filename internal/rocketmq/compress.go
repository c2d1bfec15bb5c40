package rocketmq

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The ways in which a body may be compressed. Clients before 5.0 wrote 0 and meant zlib.
const (
	compressedBefore5 = 0
	compressedLZ4     = 1
	compressedZSTD    = 2
	compressedZLIB    = 3
)

// deflate compresses a body in the one way that every consumer knows: zlib.
func deflate(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// inflate reads a compressed body of at most limit bytes.
func inflate(kind int, body []byte, limit int) ([]byte, error) {
	var (
		r   io.Reader
		err error
	)
	switch kind {
	case compressedBefore5, compressedZLIB:
		r, err = zlib.NewReader(bytes.NewReader(body))
	case compressedLZ4:
		r = lz4.NewReader(bytes.NewReader(body))
	case compressedZSTD:
		return inflateZSTD(body, limit)
	default:
		return nil, fmt.Errorf("the body is compressed in way %d; LZ4 (1), ZSTD (2) and ZLIB (3) are known", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("the compressed body cannot be read: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("the compressed body cannot be read: %w", err)
	}
	if len(plain) > limit {
		return nil, fmt.Errorf("the compressed body has more than %d bytes", limit)
	}
	return plain, nil
}

func inflateZSTD(body []byte, limit int) ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(limit)))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	plain, err := d.DecodeAll(body, nil)
	if err != nil {
		return nil, fmt.Errorf("the compressed body cannot be read: %w", err)
	}
	return plain, nil
}
