// How commands end.

/** Exit codes of the command line (contract). */
export const EXIT = { done: 0, failed: 1, badInput: 2, unreachable: 3, interrupted: 130 } as const;
