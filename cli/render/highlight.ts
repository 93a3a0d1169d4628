// A stretch of text with the tokens on which a feature fires made visible: by colour on a terminal, else by «guillemets». Pure.

export interface HighlightOptions {
  readonly colour: boolean;
}

const ESCAPE = '\u001b[';
const RESET = `${ESCAPE}0m`;
/** From faint to strong, by value / greatest value of the stretch. */
const STYLES = ['4', '43;30', '41;97'] as const;

/**
 * The tokens as one line; line breaks are shown as ⏎.
 * @param values one per token; 0 where the feature does not fire
 */
export function highlight(tokens: readonly string[], values: readonly number[], options: HighlightOptions): string {
  const greatest = Math.max(0, ...values);
  return tokens
    .map((token, i) => {
      const value = values[i] ?? 0;
      const text = oneLine(token);
      return value > 0 ? marked(text, value / greatest, options.colour) : text;
    })
    .join('');
}

function marked(text: string, strength: number, colour: boolean): string {
  if (!colour) return `«${text}»`;
  const style = STYLES[Math.min(STYLES.length - 1, Math.floor(strength * STYLES.length))] ?? STYLES[0];
  return `${ESCAPE}${style}m${text}${RESET}`;
}

/** Control characters would move the cursor or change colours: shown as pictures instead. */
export function oneLine(text: string): string {
  return (
    text
      .replace(/\r?\n/g, '⏎')
      .replace(/\t/g, '⇥')
      // eslint-disable-next-line no-control-regex -- stored text must not steer the terminal
      .replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')
  );
}
