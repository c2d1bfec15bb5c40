//go:build linux

package powercut

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// load reads a folder into a tree in which everything is durable. Nodes are numbered from after lastID.
func load(folder string, lastID uint64) (*tree, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return nil, err
	}
	t := newTree(uint32(info.Mode().Perm()), lastID)
	err = t.loadDir(t.root, folder, map[uint64]*node{})
	return t, err
}

// loadDir fills dir; linked remembers files with several names by their inode.
func (t *tree) loadDir(dir *node, folder string, linked map[uint64]*node) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		n, err := t.loadNode(path, entry.Name(), linked)
		if err != nil {
			return err
		}
		n.links++
		dir.live[entry.Name()], dir.stable[entry.Name()] = n, n
		if n.isDir() {
			if err := t.loadDir(n, path, linked); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tree) loadNode(path, name string, linked map[uint64]*node) (*node, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("%s: no stat", path)
	}
	if n := linked[stat.Ino]; n != nil {
		return n, nil
	}
	n := t.add(stat.Mode, name)
	n.uid, n.gid, n.changed = stat.Uid, stat.Gid, info.ModTime()
	switch n.kind() {
	case syscall.S_IFDIR:
		return n, nil
	case syscall.S_IFREG:
		linked[stat.Ino] = n
		data, err := loadImage(path)
		n.content = newContent(data)
		return n, err
	case syscall.S_IFLNK:
		n.target, err = os.Readlink(path)
		return n, err
	}
	return nil, fmt.Errorf("%s: neither a file, a folder nor a symbolic link: take it out of the backing folder", path)
}

func loadImage(path string) (image, error) {
	file, err := os.Open(path)
	if err != nil {
		return image{}, err
	}
	defer file.Close()
	var m image
	for {
		p := new(page)
		n, err := io.ReadFull(file, p[:])
		if n > 0 {
			m.pages = append(m.pages, p)
			m.size += int64(n)
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return m, nil
		default:
			return image{}, err
		}
	}
}

// save makes folder hold exactly what is durable in the tree.
func (t *tree) save(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return saveDir(t.root, folder, map[*node]string{})
}

// saveDir writes what is durable in dir; written remembers where a file with several names went first.
func saveDir(dir *node, folder string, written map[*node]string) error {
	for _, name := range sortedNames(dir.stable) {
		n, path := dir.stable[name], filepath.Join(folder, name)
		if n.volatile {
			continue
		}
		if first, twice := written[n]; twice {
			if n.isDir() {
				continue
			}
			if err := os.Link(first, path); err != nil {
				return err
			}
			continue
		}
		written[n] = path
		if err := saveNode(n, path, written); err != nil {
			return err
		}
	}
	return nil
}

func saveNode(n *node, path string, written map[*node]string) error {
	perm := os.FileMode(n.mode & 0o777)
	switch n.kind() {
	case syscall.S_IFLNK:
		return os.Symlink(n.target, path)
	case syscall.S_IFDIR:
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		if err := saveDir(n, path, written); err != nil {
			return err
		}
		return os.Chmod(path, perm)
	}
	if err := saveImage(n.content.stable, path); err != nil {
		return err
	}
	if err := os.Chmod(path, perm); err != nil {
		return err
	}
	return os.Chtimes(path, n.changed, n.changed)
}

func saveImage(m image, path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	for i, p := range m.pages[:min(len(m.pages), pagesFor(m.size))] {
		if p == nil {
			continue
		}
		at := int64(i) * pageSize
		if _, err := file.WriteAt(p[:min(pageSize, m.size-at)], at); err != nil {
			return err
		}
	}
	if err := file.Truncate(m.size); err != nil {
		return err
	}
	return file.Close()
}
