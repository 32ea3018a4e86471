/** 2026-12-05; no year that is only on the way to one. */
export const DAY = /^(19|20|21)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
