package store

import (
	"strconv"
	"strings"
	"testing"
)

func TestSettingsFitTheMachine(t *testing.T) {
	tests := map[string]struct {
		m    machine
		want map[string]string
	}{
		"small container": {machine{cores: 1, memory: 512, shm: 64}, map[string]string{
			"shared_buffers": "64MB", "work_mem": "8MB", "max_parallel_workers_per_gather": "1", "dynamic_shared_memory_type": "mmap"}},
		"office desktop": {machine{cores: 4, memory: 16384, shm: 8192}, map[string]string{
			"shared_buffers": "2048MB", "work_mem": "128MB", "max_parallel_workers_per_gather": "4", "dynamic_shared_memory_type": ""}},
		"big server": {machine{cores: 64, memory: 1 << 19, shm: 1 << 18}, map[string]string{
			"shared_buffers": "2048MB", "work_mem": "128MB", "max_parallel_workers": "8", "maintenance_work_mem": "1024MB"}},
		"nothing known": {machine{}, map[string]string{"shared_buffers": "64MB", "max_parallel_workers": "1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := tt.m.settings()
			for setting, want := range tt.want {
				if s[setting] != want {
					t.Errorf("%s = %q, want %q", setting, s[setting], want)
				}
			}
			for _, durable := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
				if v, set := s[durable]; set {
					t.Errorf("%s is set to %q: durability is not ours to tune", durable, v)
				}
			}
		})
	}
}

// Half of a small machine's memory must be left when every worker of one query
// sorts and hashes at once.
func TestSettingsLeaveMemory(t *testing.T) {
	for memory := int64(1024); memory <= 1<<19; memory *= 2 {
		for cores := 1; cores <= 64; cores *= 2 {
			s := machine{cores: cores, memory: memory, shm: 1024}.settings()
			mb := func(name string) int64 {
				v, err := strconv.ParseInt(strings.TrimSuffix(s[name], "MB"), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			perGather, _ := strconv.ParseInt(s["max_parallel_workers_per_gather"], 10, 64)
			// hash_mem_multiplier is 2 since PostgreSQL 15.
			if used := mb("shared_buffers") + mb("maintenance_work_mem") + 2*mb("work_mem")*(perGather+1); used > memory/2 {
				t.Errorf("%d cores, %d MB: %d MB would be used", cores, memory, used)
			}
		}
	}
}

func TestSettingsFileQuotes(t *testing.T) {
	got := settingsFile(map[string]string{"b": "it's", "a": "1"})
	if !strings.HasSuffix(got, "a = '1'\nb = 'it''s'\n") {
		t.Errorf("got %q", got)
	}
}
