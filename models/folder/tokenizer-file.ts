// What to say where a model's folder has no tokenizer.json: which other form of a tokenizer lies there and how to convert it.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Files of tokenizers that transformers converts. */
const OTHERS: readonly string[] = [
  'tokenizer.model',
  'vocab.json',
  'vocab.txt',
  'spiece.model',
  'sentencepiece.bpe.model',
  'merges.txt',
];

/** A sentence of advice for a tokenizer.json that could not be read; null where its folder holds no other tokenizer. */
export async function tokenizerAdvice(file: string): Promise<string | null> {
  const names: readonly string[] = await readdir(path.dirname(file)).catch(() => []);
  const others = OTHERS.filter((name) => names.includes(name));
  if (others.length === 0 || names.includes(path.basename(file))) return null;
  return `Its folder has ${others.join(' and ')} instead; make tokenizer.json of it once, with transformers: AutoTokenizer.from_pretrained("FOLDER").save_pretrained("FOLDER").`;
}

/** What a folder without tokenizer.json lacks for a run; null where it has one, and for what is no folder. */
export async function missingTokenizer(place: string): Promise<string | null> {
  const kind = await stat(place).catch(() => null);
  const file = path.join(place, 'tokenizer.json');
  if (!kind?.isDirectory() || (await stat(file).catch(() => null))?.isFile()) return null;
  const advice = await tokenizerAdvice(file);
  return `no tokenizer.json in this folder: a run needs one, here or in model.tokenizer.${advice === null ? '' : ` ${advice}`}`;
}
