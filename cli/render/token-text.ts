// Tokens as people read them: in quotes, with their spaces seen, so that no line breaks inside one. Pure.

interface NamedToken {
  readonly id: number;
  /** Null where the tokenizer has no such id. */
  readonly token: string | null;
}

/** `"␣LORD"`; `#9` for one that the tokenizer does not know. */
export function tokenName({ id, token }: NamedToken): string {
  return token === null ? `#${id}` : JSON.stringify(token).replaceAll(' ', '␣');
}

/** `33 %`, `4.2 %` */
export function percentText(share: number): string {
  const percent = share * 100;
  return `${percent >= 10 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}
