// A bare broadcast server on Centrifuge, the library under Centrifugo, with a write delay of 2 ms.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

type author struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type message struct {
	ID       string `json:"id"`
	Seq      int    `json:"seq"`
	Position int    `json:"position"`
	Text     string `json:"text"`
	Author   author `json:"author"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	node, err := centrifuge.New(centrifuge.Config{})
	must(err)
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:        &centrifuge.Credentials{UserID: "u"},
			WriteDelay:         2 * time.Millisecond,
			MaxMessagesInFrame: -1,
			ReplyWithoutQueue:  true,
		}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, callback centrifuge.SubscribeCallback) {
			callback(centrifuge.SubscribeReply{}, nil)
		})
	})
	must(node.Run())
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin: func(*http.Request) bool { return true },
	}))
	clients, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	control, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() { must(http.Serve(clients, nil)) }()
	fmt.Printf("ready %d %d\n", clients.Addr().(*net.TCPAddr).Port, control.Addr().(*net.TCPAddr).Port)
	count := 0
	for {
		connection, err := control.Accept()
		must(err)
		lines := bufio.NewScanner(connection)
		for lines.Scan() {
			room, text, _ := strings.Cut(lines.Text(), "\t")
			count++
			body, err := json.Marshal(message{fmt.Sprintf("m_%022d", count), count, count, text, author{"u_0000000000000000000000", "Somebody"}})
			must(err)
			_, err = node.Publish(room, body)
			must(err)
		}
	}
}
