package rivalry

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
)

// anonymous is the memory in bytes that a process keeps for itself, without what
// it shares with others (PostgreSQL's buffers).
func anonymous(pid int) int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0 // it has ended
	}
	_, rest, _ := bytes.Cut(text, []byte("\nRssAnon:"))
	value, _, _ := bytes.Cut(rest, []byte("kB"))
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// children are the processes that a process started.
func children(pid int) (out []int) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(pid), "children"))
	if err != nil {
		return nil
	}
	for _, word := range bytes.Fields(text) {
		if child, err := strconv.Atoi(string(word)); err == nil {
			out = append(out, child)
		}
	}
	return out
}

// parent is the process that started a process.
func parent(pid int) int {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("\nPPid:"))
	value, _, _ := bytes.Cut(rest, []byte("\n"))
	ppid, err := strconv.Atoi(string(bytes.TrimSpace(value)))
	if err != nil {
		return 0
	}
	return ppid
}

// watcher looks every few milliseconds how much memory is in use.
type watcher struct {
	stop chan struct{}
	peak chan int64
}

// watch begins to look; stopping it gives the peak in MiB above what was in use
// at the beginning.
func watch(size func() int64) *watcher {
	w := &watcher{make(chan struct{}), make(chan int64, 1)}
	go func() {
		base := size()
		peak := base
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, size())
			case <-w.stop:
				w.peak <- max(peak, size()) - base
				return
			}
		}
	}()
	return w
}

func (w *watcher) end() float64 {
	close(w.stop)
	return float64(<-w.peak) / (1 << 20)
}

// watchSelf watches this program, after giving back what it does not use.
func watchSelf() *watcher {
	debug.FreeOSMemory()
	self := os.Getpid()
	return watch(func() int64 { return anonymous(self) })
}

// watchServer watches all processes of the PostgreSQL server of a session.
func (s session) watchServer() *watcher {
	postmaster := parent(int(s.PgConn().PID()))
	return watch(func() (sum int64) {
		for _, child := range children(postmaster) {
			sum += anonymous(child)
		}
		return sum
	})
}

// childPeak is the peak memory in MiB of a program that has ended.
func childPeak(state *os.ProcessState) float64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return float64(usage.Maxrss) / 1024
	}
	return 0
}
