// How documents are read and divided, as the section `corpus` of a file says it.
import type { SplitRule } from '../../schemas/stored.js';

export interface CorpusSection {
  readonly id: string;
  readonly text: string;
  readonly split: SplitRule;
  readonly splitSeed: number;
  readonly onBadDocument: 'fail' | 'skip';
}

export interface CorpusRule {
  readonly idField: string;
  readonly textField: string;
  readonly split: SplitRule;
  readonly splitSeed: number;
  readonly onBadDocument: 'fail' | 'skip';
}

export function corpusRule({ id, text, split, splitSeed, onBadDocument }: CorpusSection): CorpusRule {
  return { idField: id, textField: text, split, splitSeed, onBadDocument };
}
