// The original library libcni as a program: witness ADD|CHECK|DEL NET NETNS, in the environment of cnitool. It shows
// the tests of podwire what others write into the cache, and whether they can use what podwire has written.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	verb, network, netns, containerID := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	list, err := libcni.LoadConfList(os.Getenv("NETCONFPATH"), network)
	fail(err)
	capabilities := map[string]interface{}{}
	if text := os.Getenv("CAP_ARGS"); text != "" {
		fail(json.Unmarshal([]byte(text), &capabilities))
	}
	call := &libcni.RuntimeConf{ContainerID: containerID, NetNS: netns, IfName: "eth0", CapabilityArgs: capabilities}
	cni := libcni.NewCNIConfig(filepath.SplitList(os.Getenv("CNI_PATH")), nil)
	switch verb {
	case "ADD":
		result, err := cni.AddNetworkList(context.TODO(), list, call)
		fail(err)
		fail(result.Print())
	case "CHECK":
		fail(cni.CheckNetworkList(context.TODO(), list, call))
	case "DEL":
		fail(cni.DelNetworkList(context.TODO(), list, call))
	}
}
