package store

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what the tuning goes by; memory and shm in MiB.
type machine struct {
	cores  int
	memory int64
	shm    int64 // size of /dev/shm, where PostgreSQL's parallel workers meet
}

// thisMachine measures the machine, or the container if that is smaller.
func thisMachine() machine {
	m := machine{cores: runtime.NumCPU(), memory: 2048}
	if kib, ok := memTotal("/proc/meminfo"); ok {
		m.memory = kib / 1024
	}
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if text, err := os.ReadFile(path); err == nil {
			if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
				m.memory = min(m.memory, limit>>20)
			}
		}
	}
	var fs unix.Statfs_t
	if unix.Statfs("/dev/shm", &fs) == nil {
		m.shm = int64(fs.Blocks) * fs.Bsize >> 20
	}
	return m
}

func memTotal(path string) (kib int64, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib, err == nil
		}
	}
	return 0, false
}

// settings tunes the server for the machine. The server shares the machine
// with the program itself and, on a bureau's desktop, with everything else, so
// it takes an eighth of the memory and not the usual quarter. Durability
// (fsync, synchronous_commit, full_page_writes) is left on.
func (m machine) settings() map[string]string {
	mb := func(v, lo, hi int64) string { return fmt.Sprintf("%dMB", min(max(v, lo), hi)) }
	workers := min(max(m.cores, 1), 8)
	s := map[string]string{
		"shared_buffers":                  mb(m.memory/8, 64, 2048),
		"effective_cache_size":            mb(m.memory/2, 128, 64*1024),
		"work_mem":                        mb(m.memory/128, 8, 128),
		"maintenance_work_mem":            mb(m.memory/24, 64, 1024),
		"max_connections":                 "100",
		"max_worker_processes":            strconv.Itoa(workers + 4),
		"max_parallel_workers":            strconv.Itoa(workers),
		"max_parallel_workers_per_gather": strconv.Itoa(min(workers, 4)),
		"random_page_cost":                "1.1",
		"effective_io_concurrency":        "64",
		// Its compiling takes longer than most of our queries.
		"jit":                          "off",
		"max_wal_size":                 "4GB",
		"min_wal_size":                 "256MB",
		"wal_compression":              "on",
		"checkpoint_completion_target": "0.9",
		"log_checkpoints":              "off",
	}
	if m.shm < 512 {
		// Containers often have 64 MB there; a parallel hash join then dies.
		s["dynamic_shared_memory_type"] = "mmap"
	}
	return s
}

// settingsFile writes settings in postgresql.conf's form, sorted by name.
func settingsFile(settings map[string]string) string {
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("# Written at every start from the machine's size. Your own settings belong into\n# postgresql.conf, below the include of this file.\n")
	for _, name := range names {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	return b.String()
}
