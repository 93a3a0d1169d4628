// The parts of the tokenizer library that are used, with their types: the library's own declarations do not resolve
// under NodeNext (imports without extensions), so what is relied on is written down here.
import * as library from '@huggingface/tokenizers';

/** A model that splits words into tokens. */
export interface LibraryModel {
  readonly tokens_to_ids: ReadonlyMap<string, number>;
  readonly unk_token: string | undefined;
  /** Tokens (as text) of the words, one after the other. */
  encode(words: readonly string[]): string[];
}

interface Library {
  readonly BPE: new (config: object) => LibraryModel;
  readonly WordPiece: new (config: object) => LibraryModel;
  readonly Unigram: new (config: object, eosToken: string) => LibraryModel & { tokenize(word: string): string[] };
  /** `pattern`: the configured pattern, translated from Oniguruma's dialect; null where its kind is unknown. */
  readonly SplitPreTokenizer: new (config: object) => { readonly pattern: RegExp | null };
}

export const { BPE, WordPiece, Unigram, SplitPreTokenizer } = library as unknown as Library;
