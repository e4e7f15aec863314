package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
)

var commit = "unknown"

func main() {
	router := chi.NewRouter()
	router.Get("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Hello from Go")
	})
	router.Get("/commit", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, commit)
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), router))
}
