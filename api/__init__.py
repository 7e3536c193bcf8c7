"""What people and programs see: REST, live events, FHIR, sign-in; serves the built page."""
