// Shell patterns over file names: * and ? within a segment, ** over segments, [abc], {a,b}.

/** Whether a source is a pattern rather than a name. */
export function isGlob(source: string): boolean {
  return /[*?[\]{}]/.test(source);
}

/** The part of a pattern before the first segment with a special character: where a search starts. */
export function globRoot(pattern: string): string {
  const segments = pattern.split('/');
  const special = segments.findIndex(isGlob);
  return segments.slice(0, special).join('/');
}

/** A regular expression for whole names (with /). Names with a leading dot match only a dot written out. */
export function globPattern(pattern: string): RegExp {
  let source = '';
  let depth = 0;
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern.charAt(i);
    if (pattern.startsWith('**/', i)) {
      source += '(?:[^./][^/]*/)*';
      i += 2;
    } else if (pattern.startsWith('**', i)) {
      source += '.*';
      i++;
    } else if (character === '*') source += atStart(pattern, i) ? '(?!\\.)[^/]*' : '[^/]*';
    else if (character === '?') source += atStart(pattern, i) ? '[^/.]' : '[^/]';
    else if (character === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end < 0) source += '\\[';
      else {
        const set = pattern
          .slice(i + 1, end)
          .replace(/\\/g, '\\\\')
          .replace(/^!/, '^');
        source += `[${set}]`;
        i = end;
      }
    } else if (character === '{') {
      depth++;
      source += '(?:';
    } else if (character === '}' && depth > 0) {
      depth--;
      source += ')';
    } else if (character === ',' && depth > 0) source += '|';
    else source += character.replace(/[\\^$.*+?()[\]{}|]/, '\\$&');
  }
  return new RegExp(`^${source}${')'.repeat(depth)}$`, 's');
}

function atStart(pattern: string, at: number): boolean {
  return at === 0 || pattern.charAt(at - 1) === '/';
}
