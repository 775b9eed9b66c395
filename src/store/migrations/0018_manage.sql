-- What changes channels and their members wants the scope `manage` (4) now; tokens that could until now by `write` (2) still can.
UPDATE sessions SET scopes = scopes | 4 WHERE kind = 'token' AND (scopes & 2) <> 0;
