// Finds credentials in a run file, wherever they stand (keys, values, URLs, comments). Never repeats what it found.

export interface CredentialFinding {
  /** Offset of its first character in the text. */
  readonly offset: number;
  /** What kind of secret it looks like; never the secret. */
  readonly kind: string;
}

const PATTERNS: readonly { readonly kind: string; readonly pattern: RegExp }[] = [
  { kind: 'user and password in a URL', pattern: /\b[a-z][a-z0-9+.-]*:\/\/[^\s/"'@]+@/gi },
  {
    kind: 'a signed URL',
    pattern:
      /[?&](?:x-amz-(?:signature|credential|security-token)|awsaccesskeyid|signature|sig|access_token|token|api_?key)=/gi,
  },
  { kind: 'an AWS access key id', pattern: /\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{16}\b/g },
  { kind: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/g },
  {
    kind: 'an access token',
    pattern: /\b(?:hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abp]-[A-Za-z0-9-]{10,})/g,
  },
  {
    kind: 'a field for credentials',
    pattern:
      /^[ \t]*(?:- *)?["']?(?:aws_?)?(?:access_?key(?:_?id)?|secret(?:_?access)?_?key|secret|session_?token|security_?token|pass(?:word|wd)?|credentials?|api_?key|auth(?:_?token|orization)?|access_?token|bearer)["']?[ \t]*:/gim,
  },
  {
    kind: 'a field for credentials',
    pattern:
      /[{,][ \t]*["']?(?:aws_?)?(?:access_?key(?:_?id)?|secret(?:_?access)?_?key|secret|session_?token|security_?token|pass(?:word|wd)?|credentials?|api_?key|access_?token)["']?[ \t]*:/gi,
  },
];

/** What looks like a credential, at most one finding per place, in the order of the text. */
export function findCredentials(text: string): CredentialFinding[] {
  const byLine = new Map<number, CredentialFinding>();
  for (const { kind, pattern } of PATTERNS) {
    for (const match of text.matchAll(pattern)) {
      const offset = match.index + leading(match[0]);
      const line = text.lastIndexOf('\n', offset - 1);
      if (!byLine.has(line)) byLine.set(line, { offset, kind });
    }
  }
  return [...byLine.values()].sort((a, b) => a.offset - b.offset);
}

interface HiddenFinding {
  readonly path: readonly (string | number)[];
  readonly kind: string;
}

/**
 * What looks like a credential in the plain data of a text: what escapes (`http:\/\/`, `\u0070assword`) or a break of lines hide in
 * the text itself. The data may hold itself.
 */
export function findHiddenCredentials(data: unknown): HiddenFinding[] {
  const found: HiddenFinding[] = [];
  const seen = new Set<unknown>();
  const open: { readonly path: HiddenFinding['path']; readonly value: unknown }[] = [{ path: [], value: data }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { path, value } = next;
    if (typeof value === 'string') {
      const [first] = findCredentials(value);
      if (first) found.push({ path, kind: first.kind });
    }
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const [name, inside] of Object.entries(value)) {
      const at = [...path, Array.isArray(value) ? Number(name) : name];
      const [inName] = Array.isArray(value) ? [] : findCredentials(`${name}:`);
      if (inName) found.push({ path: at, kind: inName.kind });
      else open.push({ path: at, value: inside });
    }
  }
  return found;
}

function leading(match: string): number {
  return match.length - match.replace(/^[\s{,?&]*(?:- *)?/, '').length;
}
