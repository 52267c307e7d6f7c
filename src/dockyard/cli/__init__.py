"""Words to verbs, results to text or JSON. The only room that reads the environment or knows a terminal."""
