package main

import "fmt"

// version is set by the build (-ldflags "-X main.version=...").
var version = "dev"

type versionCmd struct{}

func (versionCmd) Run() error {
	fmt.Println("gengheng", version)
	return nil
}
