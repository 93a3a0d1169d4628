// How continued texts look to a person: each text, then its continuation, or both side by side. Pure.
import { textTable } from '../terminal/table.js';
import type { Block, Text } from '../terminal/text.js';

interface ShownContinuation {
  readonly text: string;
  /** Null while it grows. */
  readonly stop: 'tokens' | 'context' | null;
}

export interface ShownText {
  readonly given: string;
  readonly plain: ShownContinuation | null;
  /** Null without edits. */
  readonly edited: ShownContinuation | null;
}

/** The texts with what was added to them. @param contextTokens what the context holds; null where nothing limits it, or while they grow */
export function generatedText(texts: readonly ShownText[], contextTokens: number | null): Text {
  return texts.flatMap((one, i): Block[] => [
    ...(i === 0 ? [] : ['']),
    JSON.stringify(one.given),
    ...continuations(one),
    ...stops(one, contextTokens),
  ]);
}

function continuations({ plain, edited }: ShownText): Block[] {
  const own = plain?.text ?? '';
  if (edited === null) return [textTable([{ title: 'continued' }], [[own]])];
  return [textTable([{ title: 'as it is' }, { title: 'edited' }], [[own, edited.text]])];
}

function stops({ plain, edited }: ShownText, contextTokens: number | null): string[] {
  const full = [plain?.stop === 'context' && 'as it is', edited?.stop === 'context' && 'edited'].filter(Boolean);
  const same = edited?.stop && plain?.stop && plain.text === edited.text;
  return [
    ...(same ? ['The edit changes no token of this text.'] : []),
    ...(full.length === 0 ? [] : [`Ended where the model's context of ${contextTokens ?? '?'} tokens was full.`]),
  ];
}
