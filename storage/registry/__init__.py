"""Who and what is registered: patients, devices and their bindings, accounts, sign-ins, audit rows."""
