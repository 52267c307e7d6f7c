FROM scratch
ADD --exclude=*.py app /a
