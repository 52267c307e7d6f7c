FROM scratch
ENV C value with   spaces   
LABEL l value with   spaces   
