// The regular expressions that a tokenizer.json brings along. They are the file's own code: one of them may take for ever on some text.

/** Every `{"Regex": …}` of the file, in its order; empty where the file cannot be read as JSON. */
export function regexPatterns(json: Uint8Array): string[] {
  const found = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, entry] of Object.entries(value)) {
      if (name === 'Regex' && typeof entry === 'string') found.add(entry);
      else walk(entry);
    }
  };
  try {
    // The model holds the vocabulary, which may have a million entries and no pattern.
    const { model: _, ...rest } = JSON.parse(new TextDecoder().decode(json)) as Record<string, unknown>;
    walk(rest);
  } catch {
    return [];
  }
  return [...found];
}
