// The REST API from Go, with the standard library alone: sign, read, write once, page, be refused. Copy it.
//
//	go run docs/examples/go/rest.go    the walk of docs/api.md, at OMNIAXS_URL with OMNIAXS_API_KEY and OMNIAXS_API_SECRET
//	go run docs/examples/go/rest.go sign SECRET TIMESTAMP METHOD TARGET IDEMPOTENCY_KEY BODY    one signature
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const tries = 10

var client = &http.Client{Timeout: 10 * time.Second}

// Answer is the envelope of every answer; Data is there on success, Error otherwise.
type Answer struct {
	Success bool
	Data    json.RawMessage
	Error   *Refused
}

// Refused is the hub saying no: Code is stable, Details has the figures.
type Refused struct {
	Code, Message string
	Retryable     bool
	Details       struct {
		Fields []struct{ Name, Reason, Expected string }
	}
}

func (r *Refused) Error() string { return r.Code + ": " + r.Message }

// sign is the hex HMAC-SHA256 over six lines; target is path and query exactly as they are sent.
func sign(secret, timestamp, method, target, key, body string) string {
	path, query, _ := strings.Cut(target, "?")
	hash := sha256.Sum256([]byte(body))
	lines := []string{timestamp, method, path, query, key, hex.EncodeToString(hash[:])}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(mac.Sum(nil))
}

// send makes one signed request: the headers and the JSON of its answer, whatever the status.
func send(method, target, key, body string) (http.Header, *Answer, error) {
	timestamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
	request, err := http.NewRequest(method, os.Getenv("OMNIAXS_URL")+target, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("X-PM-API-KEY", os.Getenv("OMNIAXS_API_KEY"))
	request.Header.Set("X-PM-TIMESTAMP", timestamp)
	request.Header.Set("X-PM-SIGNATURE", sign(os.Getenv("OMNIAXS_API_SECRET"), timestamp, method, target, key, body))
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer := new(Answer)
	return response.Header, answer, json.NewDecoder(response.Body).Decode(answer)
}

// call puts the data of an answer into data. Whatever may pass is tried again: the same bytes under the same key, so a
// write happens once.
func call(method, target string, content, data any) (http.Header, error) {
	body, key := "", ""
	if content != nil {
		encoded, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		body, key = string(encoded), rand.Text()
	}
	for range tries {
		headers, answer, err := send(method, target, key, body)
		if err != nil { // no answer: as unknown as order.outcome_unknown
			fmt.Printf("again: %T\n", err)
			time.Sleep(500 * time.Millisecond)
			continue
		}
		if answer.Success {
			return headers, json.Unmarshal(answer.Data, data)
		}
		if !answer.Error.Retryable {
			return nil, answer.Error
		}
		fmt.Println("again:", answer.Error.Code)
		seconds, err := strconv.ParseFloat(headers.Get("Retry-After"), 64)
		if err != nil {
			seconds = 0.5
		}
		time.Sleep(time.Duration(seconds * float64(time.Second)))
	}
	return nil, fmt.Errorf("%s %s: not known after %d tries; ask again under the key %s", method, target, tries, key)
}

// pages hands every item of a list to each, page after page; target has a query already.
func pages[Item any](target string, each func(Item)) error {
	for token := ""; ; {
		var page struct {
			Items         []Item
			NextPageToken string `json:"next_page_token"`
		}
		asked := target
		if token != "" {
			asked += "&page_token=" + token
		}
		if _, err := call("GET", asked, nil, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			each(item)
		}
		if token = page.NextPageToken; token == "" {
			return nil
		}
	}
}

// walk is what docs/api.md shows, step by step.
func walk() error {
	var read struct {
		Quotes []struct{ Symbol, Bid, Ask string }
	}
	headers, err := call("GET", "/v1/quotes?symbols=BTCUSDT.BINANCE,ETHUSDT.BINANCE", nil, &read)
	if err != nil {
		return err
	}
	for _, quote := range read.Quotes {
		fmt.Println("quote:", quote.Symbol, quote.Bid, quote.Ask)
	}
	fmt.Printf("limit: %s of %s left\n", headers.Get("X-RateLimit-Remaining"), headers.Get("X-RateLimit-Limit"))

	order := map[string]any{"symbol": "ETHUSDT.BINANCE", "side": "buy", "type": "market", "quantity": "0.5"}
	var placed struct {
		OrderID string `json:"order_id"`
	}
	headers, err = call("POST", "/v1/orders", order, &placed)
	if err != nil {
		return err
	}
	told := "told at once"
	if headers.Get("Idempotency-Replayed") != "" {
		told = "told again"
	}
	fmt.Println("order:", placed.OrderID, told)

	markets := 0
	if err := pages("/v1/markets?page_size=20", func(struct{ Symbol string }) { markets++ }); err != nil {
		return err
	}
	fmt.Println("markets:", markets)

	order["reduce_onIy"] = true
	_, err = call("POST", "/v1/orders", order, &placed)
	var refused *Refused
	if !errors.As(err, &refused) {
		return fmt.Errorf("a field that does not exist was not refused: %w", err)
	}
	fmt.Println("refused:", refused.Code, refused.Details.Fields[0].Name)
	return nil
}

func main() {
	if len(os.Args) == 8 && os.Args[1] == "sign" {
		given := os.Args[2:]
		fmt.Println(sign(given[0], given[1], given[2], given[3], given[4], given[5]))
		return
	}
	if err := walk(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
