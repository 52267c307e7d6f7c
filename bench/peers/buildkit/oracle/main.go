// Command oracle answers questions about the Dockerfile language with BuildKit's own packages.
//
// It reads one JSON object a line and writes one a line: what a word expands to, how a file parses, what an ignore
// file matches. Tests compare with it where it is built (make peers); it is no part of dockyard.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type question struct {
	Op       string            `json:"op"`
	Text     string            `json:"text"`
	Env      map[string]string `json:"env"`
	Escape   string            `json:"escape"`
	Literal  bool              `json:"literal"`
	Patterns []string          `json:"patterns"`
	Paths    []string          `json:"paths"`
}

type answer struct {
	Text     string   `json:"text"`
	Words    []string `json:"words"`
	Matches  []bool   `json:"matches"`
	Patterns []string `json:"patterns"`
	Error    string   `json:"error"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		given, err := answered(asked)
		if err != nil {
			given = answer{Error: err.Error()}
		}
		if err := out.Encode(given); err != nil {
			panic(err)
		}
	}
}

func answered(asked question) (given answer, err error) {
	switch asked.Op {
	case "expand":
		escape := '\\'
		if asked.Escape == "`" {
			escape = '`'
		}
		env := make([]string, 0, len(asked.Env))
		for name, value := range asked.Env {
			env = append(env, name+"="+value)
		}
		lex := shell.NewLex(escape)
		lex.SkipProcessQuotes = asked.Literal
		found, err := lex.ProcessWordWithMatches(asked.Text, shell.EnvsFromSlice(env))
		if err != nil {
			return answer{}, err
		}
		return answer{Text: found.Result, Words: found.Words}, nil
	case "parse":
		parsed, err := parser.Parse(bytes.NewReader([]byte(asked.Text)))
		if err != nil {
			return answer{}, err
		}
		return answer{Text: parsed.AST.Dump()}, nil
	case "interpret":
		parsed, err := parser.Parse(bytes.NewReader([]byte(asked.Text)))
		if err != nil {
			return answer{}, err
		}
		_, _, err = instructions.Parse(parsed.AST, linter.New(&linter.Config{}))
		return answer{}, err
	case "ignore":
		patterns := asked.Patterns
		if asked.Text != "" {
			if patterns, err = ignorefile.ReadAll(bytes.NewReader([]byte(asked.Text))); err != nil {
				return answer{}, err
			}
		}
		given.Patterns = patterns
		matcher, err := patternmatcher.New(patterns)
		if err != nil {
			return answer{}, err
		}
		for _, path := range asked.Paths {
			matched, err := matcher.MatchesOrParentMatches(path)
			if err != nil {
				return answer{}, err
			}
			given.Matches = append(given.Matches, matched)
		}
		return given, nil
	}
	panic("no operation " + asked.Op)
}
