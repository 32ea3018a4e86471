-- What becomes of webhook endpoints concerns security: the crm worker notes it where the auth worker notes the rest.

GRANT INSERT ON security_events TO tithi_crm;
